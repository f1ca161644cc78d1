"""Which mix of channel-shift investments to buy: the linear programme, its answer and why."""
