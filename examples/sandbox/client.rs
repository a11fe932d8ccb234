//! What a step runs that is to be measured: `__connects COUNT ADDRESS`.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// Connects one after the other, and prints how many microseconds each took.
pub(crate) fn connects(count: u32, address: SocketAddr) -> std::io::Result<()> {
    let mut whole = 0;
    let mut spent = std::time::Duration::ZERO;
    for _ in 0..count {
        let start = Instant::now();
        let mut stream = TcpStream::connect(address)?;
        spent += start.elapsed();
        whole += stream.read_to_end(&mut Vec::new())?;
    }
    println!("{:.1} {whole}", spent.as_secs_f64() * 1e6 / f64::from(count));
    Ok(())
}
