import threading
from api.service.store import Store
from tests.api.service.test_store import stores, at_once, told, digest
def test_hammer(stores):
    both=[stores() for _ in range(6)]
    bad=[]
    for number in range(150):
        name=f"{number:016x}"
        r=at_once(*(lambda each=each: each.approve(digest(name)[:32], "run", name, "anna", "ben", "BLMK", "") for each in both))
        bad+= [x for x in r if isinstance(x,Exception)]
    print("bad", len(bad), bad[:2])
    assert not bad
