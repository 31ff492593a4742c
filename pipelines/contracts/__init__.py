"""Is the data fit to publish? Great Expectations suites over metrics of every row, and a gate that counts checks.

suites.py reads the files of configs/expectations/, judging.py runs them, report.py says what was found and refuses,
data_docs.py draws the result as pages that open without a network. Each suite names a metrics query in sql/checks/:
the query counts all rows, the suite says which counts are acceptable and why.
"""

from pipelines.contracts.data_docs import write_data_docs
from pipelines.contracts.judging import Metrics, check_contracts, load_in_background
from pipelines.contracts.report import ContractReport, Finding, SuiteResult

__all__ = [
    "ContractReport",
    "Finding",
    "Metrics",
    "SuiteResult",
    "check_contracts",
    "load_in_background",
    "write_data_docs",
]
