import './style/tokens.css';
import './style/base.css';
import './style/prejoin.css';
import './style/room.css';
import './style/stage.css';
import './style/panel.css';
import './style/chat.css';
import { render } from 'preact';
import { App } from './App';
import { startRouting } from './model/route';

startRouting();
const place = document.getElementById('app');
if (place !== null) render(<App />, place);
