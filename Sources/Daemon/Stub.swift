import ServiceLifecycle
import UnixSignals
import Logging
