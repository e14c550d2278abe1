"""Responder: a familiar HTTP service framework for Python."""
