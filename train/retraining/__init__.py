"""From what boxes kept to the next release: old pictures and new ones, a challenger, and who of the two is better."""
