"""What happened here, written into the CRMs that a company keeps besides: who is told what, once, and never over people."""
