"""What an API serves beside its views: static sites."""
