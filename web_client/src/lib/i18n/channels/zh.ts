import type { ChannelWords } from "./en";

export const span = (seconds: number): string => {
  const minutes = Math.max(1, Math.floor(seconds / 60));
  return minutes < 60 ? `${minutes} 分钟` : `${Math.floor(minutes / 60)} 小时 ${minutes % 60} 分`;
};

export const zh: ChannelWords = {
  span,
  now: "记录中有声音",
  ago: (span) => `最后声音在${span}前`,
  never: "记录中尚无声音",
  late: (span) => `麦克风已开，但${span}未录到任何内容`,
  level: (name) => `记录中的音量：${name}`,
  percent: (level) => `${level}/100`,
  open: "记录中的声音（逐人）",
  lead: "依据已存储的内容测得，并非实时线路，约迟十秒。",
  nothing: "尚未存储任何人的声音。",
};
