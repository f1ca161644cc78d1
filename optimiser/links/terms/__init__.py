"""Terms of a contract by linear programme, where what everyone bears is straight in the open figures of a family."""
