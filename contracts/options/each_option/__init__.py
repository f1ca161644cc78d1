"""One contract option at a time: what it pays, earns and leaves, kept by what it reads so that a changed clause settles only its own option."""
