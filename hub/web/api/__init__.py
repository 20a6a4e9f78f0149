"""The program interface: /api/v1, described by itself at /api/v1/openapi.json."""
