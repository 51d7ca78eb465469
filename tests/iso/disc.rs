//! Discs put together sector by sector, as no writer would or as others would: other names, other volumes, boot images, partitions.

/// Bytes of a sector.
const SECTOR: usize = 2048;

/// What marks a root directory as one with Rock Ridge.
pub(crate) const SP: &[u8] = b"SP\x07\x01\xbe\xef\x00";

/// A disc under construction, of 1 MiB.
pub(crate) struct Disc(pub(crate) Vec<u8>);

impl Disc {
    /// A primary volume whose root directory is sector 20; its descriptors end at sector 18.
    pub(crate) fn new() -> Self {
        let mut disc = Self(vec![0; 1 << 20]);
        disc.volume(16, 1, 20);
        disc.put(18, 0, b"\xffCD001\x01");
        disc
    }

    /// A volume descriptor of a kind.
    pub(crate) fn volume(&mut self, sector: usize, kind: u8, root: u32) {
        let blocks = u32::try_from(self.0.len() / SECTOR).unwrap();
        self.put(sector, 0, &[kind]);
        self.put(sector, 1, b"CD001\x01");
        self.put(sector, 40, b"ANY VOLUME                      ");
        self.put(sector, 80, &blocks.to_le_bytes());
        self.put(sector, 128, &2048_u16.to_le_bytes());
        self.put(sector, 156, &record(&[0], 0x02, root, 2048, b""));
    }

    /// A Joliet volume whose root directory is sector 24, in the place of a boot record.
    pub(crate) fn joliet(&mut self, records: &[Vec<u8>]) {
        self.volume(17, 2, 24);
        self.put(17, 88, b"%/E");
        self.directory(24, b"", records);
    }

    /// A boot catalogue in sector 26 with one entry for `platform`, whose image begins at sector 40.
    pub(crate) fn boots(&mut self, platform: u8) {
        self.put(17, 0, b"\x00CD001\x01EL TORITO SPECIFICATION");
        self.put(17, 71, &26_u32.to_le_bytes());
        let mut validation = [0_u8; 32];
        validation[0] = 1;
        validation[1] = platform;
        validation[30..].copy_from_slice(&[0x55, 0xaa]);
        let sum =
            validation.chunks(2).fold(0_u16, |sum, word| sum.wrapping_add(u16::from_le_bytes([word[0], word[1]])));
        validation[28..30].copy_from_slice(&0_u16.wrapping_sub(sum).to_le_bytes());
        self.put(26, 0, &validation);
        self.put(26, 32, &[0x88, 0, 0, 0, 0, 0, 4, 0, 40, 0, 0, 0]);
    }

    /// A directory of one sector, `system_use` in its first record.
    pub(crate) fn directory(&mut self, sector: usize, system_use: &[u8], records: &[Vec<u8>]) {
        let block = u32::try_from(sector).unwrap();
        let own = record(&[0], 0x02, block, 2048, system_use);
        let mut bytes = [own, records.concat()].concat();
        bytes.resize(SECTOR, 0);
        self.put(sector, 0, &bytes);
    }

    /// Bytes at a place.
    pub(crate) fn put(&mut self, sector: usize, at: usize, bytes: &[u8]) {
        self.0[sector * SECTOR + at..][..bytes.len()].copy_from_slice(bytes);
    }
}

/// A name in UCS-2, as Joliet has it.
pub(crate) fn ucs2(name: &str) -> Vec<u8> {
    name.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// A directory record (ECMA-119 9.1), the little-endian half of its numbers.
pub(crate) fn record(identifier: &[u8], flags: u8, block: u32, len: u32, system_use: &[u8]) -> Vec<u8> {
    let mut record = vec![0; 33];
    record[2..6].copy_from_slice(&block.to_le_bytes());
    record[10..14].copy_from_slice(&len.to_le_bytes());
    record[25] = flags;
    record[32] = u8::try_from(identifier.len()).unwrap();
    record.extend(identifier);
    record.resize(record.len().next_multiple_of(2), 0);
    record.extend(system_use);
    record.resize(record.len().next_multiple_of(2), 0);
    record[0] = u8::try_from(record.len()).unwrap();
    record
}

/// A Rock Ridge name.
pub(crate) fn nm(name: &[u8], flags: u8) -> Vec<u8> {
    [b"NM", &[u8::try_from(5 + name.len()).unwrap(), 1, flags][..], name].concat()
}

/// Where a system use area goes on.
pub(crate) fn ce(block: u32, offset: u32, len: u32) -> Vec<u8> {
    let both = |n: u32| [n.to_le_bytes(), n.to_be_bytes()].concat();
    [b"CE\x1c\x01".to_vec(), both(block), both(offset), both(len)].concat()
}
