"""On a workstation: what a box needs, packed for its processor and Python, and four ways to bring it there."""
