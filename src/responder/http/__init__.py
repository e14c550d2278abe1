"""The words of HTTP: pure functions and values over bytes and text, without `await`."""
