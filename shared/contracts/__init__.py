"""Events that cross a service boundary, one file per producer. Names and shapes here are promises."""
