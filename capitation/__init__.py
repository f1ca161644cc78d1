"""The engine: people, need, target, pace of change, allocation, ledger, trace and run."""
