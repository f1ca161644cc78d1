"""The description of the service: OpenAPI, its examples and the catalogue."""
