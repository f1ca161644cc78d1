"""A whole-population contract: an accountable care body is paid for weighted persons and pays those who give the care."""
