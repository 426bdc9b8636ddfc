"""How figures look: style, readable axes and numbers, and the parts of figures that several pages use."""
