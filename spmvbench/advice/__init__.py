"""Whether sparse weights pay for a whole model: sums over its layers, from records alone."""
