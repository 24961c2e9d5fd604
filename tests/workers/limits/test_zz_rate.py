import os, time, glob
from itertools import pairwise
import pytest
from django.db import connection
from boogie.apps.tasks import Task
from tests.project.blog import limited
from tests.project.blog.models import Post
from tests.support.waiting import wait_until
from tests.workers.traces import new_user
pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

def cpu(pids):
    out = 0
    for p in pids:
        try: f = open(f"/proc/{p}/stat").read().rsplit(")",1)[1].split()
        except OSError: continue
        out += int(f[11])+int(f[12])
    return out/100
def tree(roots):
    par = {}
    for s in glob.glob("/proc/[0-9]*/stat"):
        try: t=open(s).read()
        except OSError: continue
        par[int(s.split("/")[2])]=int(t.rsplit(")",1)[1].split()[1])
    found=set(roots); more=True
    while more:
        more={p for p,q in par.items() if q in found and p not in found}; found|=more
    return found
def total(ws):
    with connection.cursor() as c:
        c.execute("select pid from pg_stat_activity where datname=current_database() and pid<>pg_backend_pid()")
        pg=[r[0] for r in c.fetchall()]
    return cpu(tree([w.pid for w in ws])), cpu(pg)

def test_rate(worker):
    n = int(os.environ.get("ROWS", 2000)); c = os.environ.get("CONC", "1"); pool = os.environ.get("POOL", "prefork")
    ws=[worker("-c", c, pool=pool) for _ in range(4)]
    user = new_user()
    Post.objects.bulk_create([Post(author=user, title=str(i)) for i in range(n)])
    body = getattr(limited, os.environ.get("BODY","fast"))
    body.delayed(Post.objects.filter(author=user).first()); time.sleep(4)
    a=total(ws); t=time.time()
    body.each(Post.objects.filter(author=user))
    wait_until(lambda: time.sleep(.5) or Task.objects.finished().count() >= n+1, 300)
    w=time.time()-t; b=total(ws)
    starts = sorted(Task.objects.values_list("started", flat=True))[1:]
    gaps = [(b - a).total_seconds() for a, b in pairwise(starts)]
    span = (starts[-1] - starts[0]).total_seconds()
    print(f"\nRATE {(n-1)/span:.2f}/s of {n} min gap {min(gaps)*1e3:.2f} big {[round(g*1e3) for g in sorted(gaps)[-8:]]} cpu ms per start: workers {(b[0]-a[0])/n*1e3:.2f} pg {(b[1]-a[1])/n*1e3:.2f}; cpu of idle cores used {(b[0]-a[0]+b[1]-a[1])/w:.2f}")
