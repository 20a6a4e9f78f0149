"""All state of the simulated QuickBooks Online."""

from threading import RLock

from connectors.quickbooks.simulated.books import Books
from connectors.quickbooks.simulated.changes import MOST
from connectors.quickbooks.simulated.doings import Doings
from connectors.quickbooks.simulated.errors import Json
from connectors.quickbooks.simulated.limits import Limits
from connectors.quickbooks.simulated.oauth import OAuth
from connectors.quickbooks.simulated.webhooks import Webhooks
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notifier
from hub.connector.simulator import Faults


class World:
    """Everything that is remembered, behind one lock. What tests and the demo may turn are the plain attributes."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.clock = Clock()
        self.lock = RLock()
        self.base_url = ""
        self.page_size = 0  # no query is answered with more, whatever is asked for; 0: as the reference says
        self.most_changes = MOST  # objects of one answer of change data capture
        self.refused: list[str] = []  # whatever came besides reads, such as `POST /v3/company/1/invoice`
        self.companies: dict[str, Doings] = {}
        self.notifier = Notifier(faults, self.clock)
        self.oauth = OAuth(self.clock, self.lock, faults)
        self.limits = Limits(self.clock)
        self.webhooks = Webhooks(faults, self.clock, self.lock, self.notifier)

    def found(self, realm: str, name: str, *, country: str = "US", currency: str = "USD") -> Doings:
        """Open the books of one more company."""
        books = Books(realm, name, self.clock, self.lock, country, currency, tells=self.webhooks.happened)
        self.companies[realm] = Doings(books)
        self.oauth.companies = {one: doings.books.name for one, doings in self.companies.items()}
        return self.companies[realm]


def company_info(books: Books) -> Json:
    """The company itself."""
    address = {"Id": "1", "Line1": "1 Garden Road", "City": "Haifa", "PostalCode": "3100000", "Country": books.country}
    began = books.stamp(books.clock.now())
    return {
        "CompanyName": books.name, "LegalName": books.name, "CompanyAddr": address, "LegalAddr": address,
        "CustomerCommunicationAddr": address, "PrimaryPhone": {"FreeFormNumber": "+972 50 234 5678"},
        "CompanyStartDate": "2020-01-01", "FiscalYearStartMonth": "January", "Country": books.country,
        "Email": {"Address": "office@garden.example"}, "WebAddr": {"URI": "https://garden.example"},
        "SupportedLanguages": "en", "DefaultTimeZone": "America/Los_Angeles",
        "NameValue": [{"Name": "OfferingSku", "Value": "QuickBooks Online Plus"}], "domain": "QBO", "sparse": False,
        "Id": "1", "SyncToken": "4", "MetaData": {"CreateTime": began[:10] + "T00:00:00" + began[19:], "LastUpdatedTime": began[:10] + "T00:00:00" + began[19:]},
    }  # fmt: skip


def preferences(books: Books) -> Json:
    """The company's settings, as far as money is concerned."""
    home = {"MultiCurrencyEnabled": True, "HomeCurrency": {"value": books.currency}}
    numbers = {"CustomTxnNumbers": False, "AllowDeposit": True, "AllowEstimates": True, "DefaultTerms": {"value": "1"}}
    return {
        "CurrencyPrefs": home, "SalesFormsPrefs": numbers, "AccountingInfoPrefs": {"TrackDepartments": False},
        "TaxPrefs": {"UsingSalesTax": True}, "domain": "QBO", "sparse": False, "Id": "1", "SyncToken": "2",
        "MetaData": {"CreateTime": "2020-01-01T00:00:00-08:00", "LastUpdatedTime": "2020-01-01T00:00:00-08:00"},
    }  # fmt: skip
