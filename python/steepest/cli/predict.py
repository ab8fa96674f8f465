"""x"""
NAME = "predict"
HELP = "x"
EXAMPLES = ""
def arguments(p): pass
def run(a): return 0
