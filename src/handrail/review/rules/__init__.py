"""The rules of a review, one file per family; each is a function of values and gives findings."""
