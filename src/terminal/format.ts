/** Numbers and durations in text for people. */

export const formatNumber = (value: number | string) => Number(value).toLocaleString('en-US')

export const formatDuration = (seconds: number) =>
  seconds < 120
    ? `${seconds} s`
    : seconds < 7200
      ? `${Math.round(seconds / 60)} min`
      : `${Math.round(seconds / 3600)} h`
