"""Invoices as people write them: FA(3), after the published schema.

Source: https://github.com/CIRFMF/ksef-api/tree/main/faktury/schemy/FA
"""

from dataclasses import dataclass
from decimal import Decimal
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Told:
    """What one invoice says."""

    number: str
    seller_nip: str
    buyer_nip: str
    net: Decimal
    note: str
    seller: str = "Zielony Ogród Sp. z o.o."
    buyer: str = "Dana Nowak"
    buyer_email: str = ""
    issued: str = "2026-03-02"
    due: str = "2026-03-16"

    @property
    def tax(self) -> Decimal:
        return (self.net * 23 / 100).quantize(Decimal("0.01"))

    @property
    def gross(self) -> Decimal:
        return self.net + self.tax


def invoice(told: Told) -> bytes:
    """Write an invoice."""
    contact = f"<DaneKontaktowe><Email>{escape(told.buyer_email)}</Email></DaneKontaktowe>" if told.buyer_email else ""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Faktura xmlns="http://crd.gov.pl/wzor/2025/06/25/13775/">
  <Naglowek>
    <KodFormularza kodSystemowy="FA (3)" wersjaSchemy="1-0E">FA</KodFormularza>
    <WariantFormularza>3</WariantFormularza>
    <DataWytworzeniaFa>{told.issued}T08:00:00Z</DataWytworzeniaFa>
    <SystemInfo>Simulated</SystemInfo>
  </Naglowek>
  <Podmiot1>
    <DaneIdentyfikacyjne><NIP>{told.seller_nip}</NIP><Nazwa>{escape(told.seller)}</Nazwa></DaneIdentyfikacyjne>
    <Adres><KodKraju>PL</KodKraju><AdresL1>ul. Ogrodowa 1</AdresL1></Adres>
  </Podmiot1>
  <Podmiot2>
    <DaneIdentyfikacyjne><NIP>{told.buyer_nip}</NIP><Nazwa>{escape(told.buyer)}</Nazwa></DaneIdentyfikacyjne>
    <Adres><KodKraju>PL</KodKraju><AdresL1>ul. Polna 2</AdresL1></Adres>{contact}
    <JST>2</JST>
    <GV>2</GV>
  </Podmiot2>
  <Fa>
    <KodWaluty>PLN</KodWaluty>
    <P_1>{told.issued}</P_1>
    <P_2>{escape(told.number)}</P_2>
    <P_13_1>{told.net}</P_13_1>
    <P_14_1>{told.tax}</P_14_1>
    <P_15>{told.gross}</P_15>
    <Adnotacje>
      <P_16>2</P_16><P_17>2</P_17><P_18>2</P_18><P_18A>2</P_18A>
      <Zwolnienie><P_19N>1</P_19N></Zwolnienie>
      <NoweSrodkiTransportu><P_22N>1</P_22N></NoweSrodkiTransportu>
      <P_23>2</P_23>
      <PMarzy><P_PMarzyN>1</P_PMarzyN></PMarzy>
    </Adnotacje>
    <RodzajFaktury>VAT</RodzajFaktury>
    <FaWiersz><NrWierszaFa>1</NrWierszaFa><P_7>{escape(told.note)}</P_7><P_8A>szt.</P_8A><P_8B>1</P_8B><P_9A>{told.net}</P_9A><P_11>{told.net}</P_11><P_12>23</P_12></FaWiersz>
    <Platnosc><TerminPlatnosci><Termin>{told.due}</Termin></TerminPlatnosci><FormaPlatnosci>6</FormaPlatnosci></Platnosc>
  </Fa>
</Faktura>
""".encode()
