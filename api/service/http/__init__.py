"""What every request and answer goes through: middleware, negotiation, paging, problems."""
