"""What a box is: device profiles and probing of the machine at hand (standard library and pydantic only)."""
