"""The constraints of the programme, one file each, found by scanning this folder.

Each file states its inequality in words and symbols in its docstring and provides

    ORDER     where its rows stand in the matrix
    FAMILIES  the row families it makes
    apply(p)  add its rows to the programme, or say that it applies to nothing
"""
