"""The web service: resources under /v1, jobs on a lease table, one store."""
