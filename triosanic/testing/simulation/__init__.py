"""Whole runs of an app under simulation: many clients, faults, a virtual clock, all of it from one seed."""

from triosanic.testing.simulation.answers import Answer as Answer
from triosanic.testing.simulation.asks import Ask as Ask
from triosanic.testing.simulation.asks import Framing as Framing
from triosanic.testing.simulation.asks import get as get
from triosanic.testing.simulation.asks import post as post
from triosanic.testing.simulation.asks import websocket as websocket
from triosanic.testing.simulation.schedule import NotDeterministic as NotDeterministic
from triosanic.testing.simulation.simulation import Simulation as Simulation
from triosanic.testing.simulation.simulation import SimulationFailed as SimulationFailed
