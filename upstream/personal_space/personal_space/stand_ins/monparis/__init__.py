"""A stand-in for MonParis: an OpenID provider for one app, with a sign-in page of its own."""
