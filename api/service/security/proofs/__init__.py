"""What a caller shows of themselves: keys of the service, tokens of an issuer, the token of a local start."""
