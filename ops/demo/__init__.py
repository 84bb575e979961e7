"""The main job from end to end: played through the real queue on its own stack, and checked at each step."""
