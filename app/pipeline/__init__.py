"""The line, top to bottom: receive -> absorb, pull -> understand -> plan -> write. No `if` about a vendor.

receive.py     a verified delivery becomes an inbox row
absorb.py      inbox rows and pulled pages become facts about people
understand.py  facts become activities, features and a score
write_back.py  scores become a plan, shown, checked and applied
explain.py     one lead's line, read backwards
"""
