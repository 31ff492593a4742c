"""The only package that knows a database."""
