"""The field's terms and rules: values in, decisions out. No I/O, no clock, no framework."""
