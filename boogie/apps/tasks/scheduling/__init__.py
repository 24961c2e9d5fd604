"""
Schedules: how they come to be, and how their slots become rows. No slot is made twice, nor is an
object left out: whoever makes some of it does so in the transaction that says how far it is.
"""
