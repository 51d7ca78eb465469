//! Boots bare-metal machines through virtual media.
