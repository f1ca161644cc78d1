"""Need: published components and formulas that turn registered persons into weighted persons."""
