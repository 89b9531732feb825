"""Says what is wrong with a box, why that matters and how to mend it: profile, machine, bundle and site together."""
