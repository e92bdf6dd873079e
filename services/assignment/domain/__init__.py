"""The rules of assignment, pure: one aggregate or one calculation a file."""
