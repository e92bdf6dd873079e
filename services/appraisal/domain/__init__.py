"""The appraisal's rules, pure: one aggregate or one calculation a file."""
