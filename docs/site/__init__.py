"""The documentation as a site: `make docs`. Pages people write lie in docs/; what code says is made from it."""
