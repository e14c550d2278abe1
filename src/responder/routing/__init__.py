"""From a path to a route and back."""
