//! Access to candle tensors as plain slices, for the kernels.

use candle_core::{CpuStorage, Device, InplaceOp1, Layout, Result, Shape, Storage, Tensor};

/// Returns the values of a contiguous f32 tensor on the CPU.
pub(super) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("a kernel received a tensor that is not contiguous"),
    }
}

/// Returns the values of a contiguous f32 tensor on the CPU for writing.
pub(super) fn slice_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    match (layout.contiguous_offsets(), storage) {
        (Some((start, end)), CpuStorage::F32(values)) => Ok(&mut values[start..end]),
        _ => candle_core::bail!("a kernel can write only contiguous f32 tensors"),
    }
}

/// Whether the kernels can process this tensor. Candle's own operations process all others.
pub(super) fn on_cpu(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && tensor.dtype() == candle_core::DType::F32
}

/// Calls `with` with the values of contiguous f32 tensors on the CPU.
pub(super) fn read<const N: usize, T>(
    tensors: [&Tensor; N],
    with: impl FnOnce([&[f32]; N]) -> T,
) -> Result<T> {
    let guards = tensors.map(|tensor| tensor.storage_and_layout());
    let mut slices: [&[f32]; N] = [&[]; N];
    for (place, (storage, layout)) in slices.iter_mut().zip(&guards) {
        *place = match &**storage {
            Storage::Cpu(storage) => slice(storage, layout)?,
            _ => candle_core::bail!("a kernel received a tensor that is not on the CPU"),
        };
    }
    Ok(with(slices))
}

/// Overwrites a tensor. No other code may read the tensor's old values.
pub(super) fn rewrite(tensor: &Tensor, work: &dyn Fn(&mut [f32]) -> Result<()>) -> Result<()> {
    // Candle refuses to write a tensor with a dimension of 0, whose strides are 0.
    if tensor.elem_count() == 0 {
        return Ok(());
    }
    tensor.inplace_op1(&Rewrite(work))
}

/// Returns a new tensor on the CPU whose values `work` writes. They are zero before.
pub(super) fn filled(
    shape: impl Into<Shape>,
    work: impl FnOnce(&mut [f32]) -> Result<()>,
) -> Result<Tensor> {
    let shape = shape.into();
    let mut values = vec![0.0; shape.elem_count()];
    work(&mut values)?;
    Tensor::from_vec(values, shape, &Device::Cpu)
}

struct Rewrite<'a>(&'a dyn Fn(&mut [f32]) -> Result<()>);

impl InplaceOp1 for Rewrite<'_> {
    fn name(&self) -> &'static str {
        "rewrite"
    }

    fn cpu_fwd(&self, values: &mut CpuStorage, layout: &Layout) -> Result<()> {
        (self.0)(slice_mut(values, layout)?)
    }
}
