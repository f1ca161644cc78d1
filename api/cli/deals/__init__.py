"""Commands of contracts that stand below a word: payoff, books, published files."""
