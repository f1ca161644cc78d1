"""Mixes in which only whole blocks close: a search over alike localities together, former mixes, margins of closures."""
