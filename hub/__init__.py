"""The Hub: telephones, mail, calendars and accounting of a company on one timeline per customer."""
