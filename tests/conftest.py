"""What all tests share."""

from hypothesis import settings

# A deadline for one example is a clock of the machine, which may be busy: it fails tests that are right.
# The parent is what hypothesis chose itself: on CI, examples that are the same in each run.
settings.register_profile("triosanic", parent=settings(), deadline=None)
settings.load_profile("triosanic")
