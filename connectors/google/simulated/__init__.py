"""A small Google: accounts, consent, Gmail, Calendar, People and Pub/Sub, for tests and the demo.

Written from the discovery documents and the reference pages at https://developers.google.com/workspace, knowing
nothing of any client.
"""
