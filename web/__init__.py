"""The pages and the API: a thin layer that renders reads and sends commands."""
