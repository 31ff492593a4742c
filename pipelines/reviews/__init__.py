"""What came of the reviews: read from a file, kept by pseudonym across refreshes, an input of every build."""

from pipelines.reviews.outcomes import Outcome, load_outcomes
from pipelines.reviews.reading import Found, read_reviews
from pipelines.reviews.store import Review, ReviewStore

__all__ = ["Found", "Outcome", "Review", "ReviewStore", "load_outcomes", "read_reviews"]
