//! PUBLISH decoded and encoded by the broker's codec and, for comparison, by mqttbytes.

use bytes::BytesMut;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mqtt::QoS;
use mqtt::codec::{
    PublishBody, PublishHead, Version, decode_publish, frame, publish_bytes, put_publish,
};
use std::hint::black_box;
use std::time::Duration;

const SIZES: [usize; 3] = [64, 256, 4096];
const TOPIC: &str = "building/7/floor/3/sensor/42";
const BYTES_MAX: usize = 1 << 20;

fn packet(version: Version, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_publish(&mut out, version, head(), &body(payload));
    out
}

fn head() -> PublishHead {
    PublishHead {
        qos: QoS::AtLeastOnce,
        dup: false,
        retain: false,
        packet_id: Some(7),
    }
}

fn body(payload: &[u8]) -> PublishBody<'_> {
    PublishBody {
        topic: TOPIC,
        payload,
        ..PublishBody::default()
    }
}

fn name(version: Version) -> &'static str {
    match version {
        Version::V311 => "v4",
        Version::V5 => "v5",
    }
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode PUBLISH");
    for version in [Version::V311, Version::V5] {
        for size in SIZES {
            let bytes = packet(version, &vec![b'x'; size]);
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            let id = |who: &str| BenchmarkId::new(format!("{who} {}", name(version)), size);
            group.bench_function(id("ours"), |bencher| {
                bencher.iter(|| {
                    let frame = frame(black_box(&bytes), BYTES_MAX).expect("a packet");
                    let frame = frame.expect("a whole packet");
                    let publish = decode_publish(&frame, version).expect("a PUBLISH");
                    black_box(publish.payload.len())
                });
            });
            group.bench_function(id("mqttbytes"), |bencher| {
                bencher.iter_batched_ref(
                    || BytesMut::from(bytes.as_slice()),
                    |stream| match version {
                        Version::V311 => drop(black_box(mqttbytes::v4::read(stream, BYTES_MAX))),
                        Version::V5 => drop(black_box(mqttbytes::v5::read(stream, BYTES_MAX))),
                    },
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode PUBLISH");
    for version in [Version::V311, Version::V5] {
        for size in SIZES {
            let payload = vec![b'x'; size];
            let bytes = publish_bytes(version, QoS::AtLeastOnce, &body(&payload));
            group.throughput(Throughput::Bytes(bytes as u64));
            let id = |who: &str| BenchmarkId::new(format!("{who} {}", name(version)), size);
            group.bench_function(id("ours"), |bencher| {
                let mut out = Vec::with_capacity(2 * bytes);
                bencher.iter(|| {
                    out.clear();
                    put_publish(&mut out, version, head(), &body(black_box(&payload)));
                    black_box(out.len())
                });
            });
            let mut v4 =
                mqttbytes::v4::Publish::new(TOPIC, mqttbytes::QoS::AtLeastOnce, payload.clone());
            let mut v5 =
                mqttbytes::v5::Publish::new(TOPIC, mqttbytes::QoS::AtLeastOnce, payload.clone());
            (v4.pkid, v5.pkid) = (7, 7);
            group.bench_function(id("mqttbytes"), |bencher| {
                let mut out = BytesMut::with_capacity(2 * bytes);
                bencher.iter(|| {
                    out.clear();
                    let written = match version {
                        Version::V311 => v4.write(&mut out),
                        Version::V5 => v5.write(&mut out),
                    };
                    black_box(written.is_ok())
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = codec;
    // Short, so that all benches together take a few minutes.
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_millis(1500));
    targets = decode, encode
}
criterion_main!(codec);
